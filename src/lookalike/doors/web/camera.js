/** The camera: take a picture to search with. */

import { button, h, openDialog } from "./dom.js";

/** Open the camera; `take` gets the picture as a file. */
export function openCamera(take) {
  let stream = null;
  openDialog("Take a picture", (dialog) => {
    const video = h("video", { autoplay: true, playsinline: true, muted: true, "aria-label": "What the camera sees" });
    const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
    const shoot = button("Take the picture", async () => {
      const file = await frameOf(video);
      dialog.close();
      take(file);
    }, { icon: "camera", kind: "primary", disabled: true });
    start(video).then((started) => {
      stream = started;
      shoot.disabled = false;
      if (!dialog.open) end(stream);
    }, (error) => {
      trouble.hidden = false;
      trouble.textContent = reasonOf(error);
    });
    return [h("div", { class: "camera" }, video), trouble, h("div", { class: "actions" }, shoot)];
  }, { kind: "wide", done: () => end(stream) });
}

async function start(video) {
  if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("", "SecurityError");
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  video.srcObject = stream;
  await video.play();
  return stream;
}

const end = (stream) => stream?.getTracks().forEach((track) => track.stop());

function reasonOf(error) {
  return {
    NotAllowedError: "The browser may not use the camera. Allow it in the settings of this page, then try again.",
    NotFoundError: "There is no camera on this device. Choose a picture instead.",
    SecurityError: "Browsers give the camera only to pages over https, or on this machine. Choose a picture instead.",
  }[error.name] ?? "The camera does not start. Is another program using it?";
}

async function frameOf(video) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  return new File([blob], "camera.jpg", { type: "image/jpeg" });
}
