import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/** Where `npm run dev` finds an API; the built files are served by the API itself and ask their own origin. */
const api = 'http://127.0.0.1:8420'
const apiPaths = ['/session', '/jobs', '/samples', '/checkpoints', '/datasets', '/healthz', '/readyz']

const libraries = (name: string, pattern: RegExp, priority: number) => ({ name, test: pattern, priority })

export default defineConfig({
  base: '/ui/',
  plugins: [react()],
  // Replaced by the server in every page that it sends.
  html: { cspNonce: '__CSP_NONCE__' },
  build: {
    target: 'es2022',
    // The server's policy forbids data: scripts and fonts; small pictures as data: URLs are allowed but buy nothing here.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            libraries('react', /node_modules[\\/](react|react-dom|scheduler)[\\/]/, 3),
            libraries('mantine', /node_modules[\\/](@mantine|@floating-ui|react-remove-scroll|clsx)[\\/]/, 2),
            libraries('data', /node_modules[\\/](@tanstack|zod)[\\/]/, 1),
          ],
        },
      },
    },
  },
  server: { proxy: Object.fromEntries(apiPaths.map((path) => [path, api])) },
})
