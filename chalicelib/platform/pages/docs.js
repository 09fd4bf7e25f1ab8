"use strict";

// Addresses are relative to the page, so that the page works behind a stage's path as well.
SwaggerUIBundle({
  url: "api/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  showExtensions: true,
  tagsSorter: "alpha",
  validatorUrl: null,
});
