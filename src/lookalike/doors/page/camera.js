/** The camera: take a picture to search with. */

import { Button, html, openDialog, useEffect, useRef, useState } from "./ui.js";

/** Open the camera; `take` gets the picture as a file. */
export async function openCamera(take) {
  const file = await openDialog("Take a picture", Camera, {}, "wide");
  if (file) take(file);
}

function Camera({ close }) {
  const video = useRef(null);
  const [state, set] = useState({}); // {isReady, trouble}
  useEffect(() => {
    let isOver = false;
    const starting = start(video.current);
    starting.then(() => isOver || set({ isReady: true }), (error) => isOver || set({ trouble: reasonOf(error) }));
    return () => {
      isOver = true;
      starting.then(end, () => null);
    };
  }, []);
  return html`<div class="camera"><video ref=${video} autoplay playsinline muted aria-label="What the camera sees"></video></div>
    ${state.trouble && html`<p class="trouble" role="alert">${state.trouble}</p>`}
    <div class="actions"><${Button} icon="camera" kind="primary" disabled=${!state.isReady}
      onClick=${async () => close(await frameOf(video.current))}>Take the picture</${Button}></div>`;
}

async function start(video) {
  if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("", "SecurityError");
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  video.srcObject = stream;
  await video.play().catch((error) => {
    end(stream);
    throw error;
  });
  return stream;
}

const end = (stream) => stream.getTracks().forEach((track) => track.stop());

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
