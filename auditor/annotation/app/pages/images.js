"use strict";
// Images: fetched ahead, so that the next one is there at once, and as large as their place allows.

// The longer side in pixels up to which an image is enlarged to squares: CIFAR, Tiny ImageNet, STL-10. Its pixels are all
// there is to see, and interpolation would make them a blur. Larger images are enlarged smoothly, because squares of two
// or three pixels, some wider than others, look like artefacts of a generator.
const TINY_PIXELS = 96;
const fetchedImages = new Map(); // number -> promise of a decoded image

function fetched(number) {
  if (!fetchedImages.has(number)) {
    const image = new Image();
    image.alt = "";
    image.src = place.missing.includes(number) ? "" : store.address(number);
    const decoded = image.getAttribute("src") ? image.decode().then(() => image) : Promise.reject(new Error());
    decoded.catch(() => {}); // reported when it is shown
    fetchedImages.set(number, decoded);
  }
  return fetchedImages.get(number);
}

// Fetches what comes next; forgets images that neither come next nor can be undone.
function fetchAhead(count) {
  const wanted = [...place.queue.slice(0, count), ...place.last.map(({ number }) => number)];
  for (const number of fetchedImages.keys()) if (!wanted.includes(number)) fetchedImages.delete(number);
  for (const number of wanted) fetched(number);
}

// Sets the size of an image to fill `box`, its parent or one above. times: 2 if zoomed.
function fit(image, box, times = 1) {
  const { naturalWidth, naturalHeight } = image;
  const isTiny = Math.max(naturalWidth, naturalHeight) <= TINY_PIXELS;
  let factor = Math.min(box.clientWidth / naturalWidth, box.clientHeight / naturalHeight);
  // Whole screen pixels for each pixel of a tiny image, so that all squares are alike.
  if (isTiny && factor * devicePixelRatio > 1) factor = Math.floor(factor * devicePixelRatio) / devicePixelRatio;
  image.width = Math.max(1, Math.round(naturalWidth * factor * times));
  image.height = Math.max(1, Math.round(naturalHeight * factor * times));
  image.classList.toggle("tiny", isTiny);
}
