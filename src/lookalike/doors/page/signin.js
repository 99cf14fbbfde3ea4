/** Signing in: a key is exchanged once for a cookie that scripts cannot read. */

import * as api from "./api.js";
import { Field, Form, html, openDialog } from "./ui.js";

let isShown = false;

/** Ask for a key; `done` is called when the server has taken one. */
export async function showSignIn(done) {
  if (isShown) return;
  isShown = true;
  const isIn = await openDialog("This server asks for a key", SignIn, {}, "narrow");
  isShown = false;
  if (isIn) done();
}

function SignIn({ close }) {
  const submit = async ({ key }) => {
    await api.openSession(key.trim()).catch((error) => {
      throw error.status === 401 ? new Error("The server does not know this key, or it has ended. Check it.") : error;
    });
    close(true);
  };
  return html`<${Form} verb="Sign in" submit=${submit}>
    <p class="muted">Who runs the server can make one: lookalike keys create --name NAME</p>
    <${Field} label="Key" hint="It is exchanged for a cookie of 12 hours and not kept.">${(joined) =>
      html`<input type="password" name="key" required autocomplete="current-password" autofocus ...${joined} />`}</${Field}>
  </${Form}>`;
}
