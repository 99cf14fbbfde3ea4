/** Signing in: a key is exchanged once for a cookie that scripts cannot read. */

import * as api from "./api.js";
import { field, formOf, h, openDialog } from "./dom.js";

let shown = null;

/** Ask for a key; `done` is called when the server has taken one. */
export function showSignIn(done) {
  if (shown?.open) return;
  shown = openDialog("This server asks for a key", (dialog) => {
    const key = h("input", { type: "password", required: true, autocomplete: "current-password", autofocus: true });
    const submit = async () => {
      await api.openSession(key.value.trim()).catch((error) => {
        throw error.status === 401 ? new Error("The server does not know this key, or it has ended. Check it.") : error;
      });
      dialog.close();
      done();
    };
    return formOf("Sign in", submit, null,
      h("p", { class: "muted" }, "Who runs the server can make one: lookalike keys create --name NAME"),
      field("Key", key, "It is exchanged for a cookie of 12 hours and not kept."));
  }, { kind: "narrow" });
}
