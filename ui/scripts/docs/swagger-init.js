// Starts Swagger UI in the page /docs: a file of its own, because the pages allow no script inside them.
const place = document.getElementById("swagger-ui");
window.SwaggerUIBundle({
  domNode: place,
  url: place.dataset.openapi ?? "/openapi.json",
  deepLinking: true,
  docExpansion: "none",
  persistAuthorization: false,
  presets: [window.SwaggerUIBundle.presets.apis],
  validatorUrl: null, // or it asks an outside host whether the document is valid
});
