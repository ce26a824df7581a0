/** Environment of a Node process whose wall clock is to be `skewMs` ahead (or, negative, behind). It needs this package built. */
export function clockSkew(skewMs: number): NodeJS.ProcessEnv {
  const preload = new URL('../dist/clock-skew-preload.js', import.meta.url).href
  return { NODE_OPTIONS: `--import=${preload}`, CLOCK_SKEW_MS: String(skewMs) }
}
