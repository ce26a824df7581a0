/**
 * The server writes a fresh one into every page that it sends and into that page's policy: only styles that carry it are applied. Empty
 * under the development server, which has no policy.
 */
export const styleNonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? ''

// For the style that a dialog puts into the page while it is open, by a library that takes it from this place.
Reflect.set(globalThis, '__webpack_nonce__', styleNonce)
