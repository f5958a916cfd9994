/** The API's own description, for whoever writes programs against it; nothing is sent from here. */
import show from 'swagger-ui-dist/swagger-ui-es-bundle.js'
import 'swagger-ui-dist/swagger-ui.css'
import './docs.css'

show({
  url: '/api/v1/openapi.json',
  domNode: document.getElementById('docs'),
  // A change of the hotline is made at the desk, and by programs under a key of their own.
  supportedSubmitMethods: [],
  // Anything else would send our document to somebody else's server.
  validatorUrl: null,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  filter: true,
})
