// Runs before the first paint and before any module, as a file of its own because the content security policy allows no inline script.
;(() => {
  const stored = localStorage.getItem('mantine-color-scheme-value')
  const dark = stored === 'dark' || (stored !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light')
  // zod compiles its parsers with `new Function` unless told not to; the policy forbids that, and each try is reported.
  Reflect.set(globalThis, '__zod_globalConfig', { jitless: true })
  // Under the page's policy (Trusted Types) every text that becomes markup comes through here. Style sheets do, and hold no `<`; anything else is refused.
  globalThis.trustedTypes?.createPolicy('default', { createHTML: (text) => (text.includes('<') ? null : text) })
})()
