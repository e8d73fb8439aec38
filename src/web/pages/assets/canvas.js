// The canvas: tiles are drawn on it, and nobody reads them back. One pixel of another origin taints it before anything else
// is drawn, so that every way of taking its pixels out is refused by the browser itself.

const canvas = document.getElementById("canvas");
const place = document.getElementById("place");
const brush = canvas.getContext("2d", { alpha: false });
const forms = ["image/webp", "image/jpeg"];
let pixel;
let zoom = "fit";
let [left, top] = [0, 0];

/** Must have come before there is a picture. */
export async function prepare() {
  if (pixel) return;
  const image = new Image();
  image.src = document.querySelector("meta[name=pixel]").content;
  const late = new Promise((_, late) => setTimeout(() => late(new Error(image.src)), 10_000));
  await Promise.race([image.decode().catch(() => Promise.reject(new Error(image.src))), late]);
  pixel = image;
}

/** A canvas that changes its size is clean again: it is tainted before it is seen. */
export function resize(width, height) {
  canvas.width = width;
  canvas.height = height;
  brush.drawImage(pixel, 0, 0);
  clear();
  lay();
}

export function clear() {
  brush.fillStyle = "#000";
  brush.fillRect(0, 0, canvas.width, canvas.height);
}

/** While nobody can say whether the picture still is the site's, it is not seen. */
export function cover(covered) {
  canvas.style.visibility = covered ? "hidden" : "visible";
}

/** Tiles as they came, each being decoded by the browser. */
export function decode(bytes, from) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tiles = [];
  for (let at = from; at < bytes.length; ) {
    const [x, y, width, height] = [0, 2, 4, 6].map((offset) => view.getUint16(at + offset));
    const form = view.getUint8(at + 8);
    const length = view.getUint32(at + 9);
    const data = bytes.subarray(at + 13, at + 13 + length);
    at += 13 + length;
    tiles.push(decoded(form, data).then((image) => ({ x, y, width, height, image })));
  }
  const all = Promise.all(tiles);
  // Whoever draws them hears of it.
  all.catch(() => {});
  return all;
}

/** All drawn at once, unless it is over by now. */
export function draw(tiles, wanted) {
  for (const { x, y, width, height, image } of tiles) {
    if (!wanted) {
      image.close?.();
    } else if (typeof image === "string") {
      brush.fillStyle = image;
      brush.fillRect(x, y, width, height);
    } else {
      brush.drawImage(image, x, y);
      image.close();
    }
  }
}

async function decoded(form, data) {
  if (form === 2) return `rgb(${data[0]} ${data[1]} ${data[2]})`;
  // Half the work for small tiles, where there is one; its colours are the picture's own all the same.
  if (self.ImageDecoder) {
    const decoder = new ImageDecoder({ data, type: forms[form], colorSpaceConversion: "none" });
    return decoder.decode().then(({ image }) => image).finally(() => decoder.close());
  }
  return createImageBitmap(new Blob([data], { type: forms[form] }), { colorSpaceConversion: "none", premultiplyAlpha: "none" });
}

/** Where the picture lies: a pixel of it is a pixel of the screen at 100 %, whatever the screen's density. */
function lay() {
  const scale = zoom === "fit" ? fitting() : zoom / devicePixelRatio;
  const [width, height] = [canvas.width * scale, canvas.height * scale];
  const inside = (offset, size, room) => (size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, offset)));
  [left, top] = [inside(left, width, place.clientWidth), inside(top, height, place.clientHeight)];
  // On whole pixels of the screen, wherever the bar above ends: it would be blurred between them. So it lies on the window.
  const corner = place.getBoundingClientRect();
  const whole = (length) => `${Math.round(length * devicePixelRatio) / devicePixelRatio}px`;
  canvas.style.left = whole(corner.left + left);
  canvas.style.top = whole(corner.top + top);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  canvas.style.imageRendering = zoom !== "fit" && Number.isInteger(zoom) ? "pixelated" : "auto";
  document.getElementById("fit").setAttribute("aria-pressed", zoom === "fit");
  document.getElementById("whole").setAttribute("aria-pressed", zoom === 1);
}

function fitting() {
  const room = Math.min(place.clientWidth / canvas.width, place.clientHeight / canvas.height);
  return Math.min(room, 1 / devicePixelRatio);
}

function zoomTo(to) {
  zoom = to;
  lay();
}

function step(by) {
  const now = zoom === "fit" ? fitting() * devicePixelRatio : zoom;
  const steps = [0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4];
  const next = by > 0 ? steps.find((size) => size > now + 0.01) : steps.findLast((size) => size < now - 0.01);
  zoomTo(next ?? now);
}

document.getElementById("fit").addEventListener("click", () => zoomTo("fit"));
document.getElementById("whole").addEventListener("click", () => zoomTo(1));
document.getElementById("in").addEventListener("click", () => step(1));
document.getElementById("out").addEventListener("click", () => step(-1));
new ResizeObserver(lay).observe(place);

// The part that is seen moves, here alone: by dragging, or by arrows.
place.addEventListener("keydown", ({ key }) => {
  const [x, y] = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[key] ?? [0, 0];
  [left, top] = [left + x, top + y];
  lay();
});

place.addEventListener("pointerdown", (event) => {
  const [x, y] = [event.clientX - left, event.clientY - top];
  const move = (event) => {
    [left, top] = [event.clientX - x, event.clientY - y];
    lay();
  };
  place.setPointerCapture(event.pointerId);
  place.addEventListener("pointermove", move);
  place.addEventListener("lostpointercapture", () => place.removeEventListener("pointermove", move), { once: true });
});
