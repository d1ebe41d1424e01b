// Starts Redoc in the page /redoc: a file of its own, because the pages allow no script inside them.
const place = document.getElementById("redoc");
const options = {
  disableSearch: true, // its index runs in a worker made of text, which the pages do not allow
  hideDownloadButton: false,
  nativeScrollbars: true,
};
window.Redoc.init(place.dataset.openapi ?? "/openapi.json", options, place);
