/** What two pictures are to each other, in words. */

const SAME = ["identical", "same_pixels", "reencoded", "resized", "cropped", "mirrored", "rotated", "edited"];
const NAMES = { reencoded: "re-encoded" };
const MEANINGS = {
  identical: "The same file, byte for byte.",
  same_pixels: "The same picture in another file.",
  same_object: "Not the same picture: another photo of the same thing or scene, or one drawing with other colors or words.",
  similar: "Alike, but not the same picture.",
  unrelated: "They have little in common.",
};

const LEAST_TURN = 0.1; // degrees; less is as exact as the map is known
const LEAST_SCALING = 0.01;

/** Say whether a relation means that both are the same picture. */
export const isSamePicture = (kind) => SAME.includes(kind);

/** Name a relation. */
export const relationName = (kind) => NAMES[kind] ?? kind.replaceAll("_", " ");

/** Name all that holds for a pair, the strongest first: "Cropped, re-encoded". */
export function detailsText(found) {
  const text = found.details.map(relationName).join(", ");
  return text[0].toUpperCase() + text.slice(1);
}

/** Say what a relation means. */
export function meaning(kind) {
  return MEANINGS[kind] ?? (isSamePicture(kind) ? "The same picture." : "Not the same picture.");
}

/** Say how the first picture became the second; "" where nothing moved. */
export function transformText({ mirrored, angle_deg: angle, scale }) {
  const steps = [
    mirrored && "mirrored",
    Math.abs(angle) >= LEAST_TURN && `turned by ${angle.toFixed(1)}°`,
    Math.abs(scale - 1) >= LEAST_SCALING && `scaled by ${scale.toFixed(2)}`,
  ];
  return steps.filter(Boolean).join(", ");
}
