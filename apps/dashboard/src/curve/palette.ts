const names = [
  'ink',
  'faded',
  'hairline',
  'paper',
  'estimate',
  'estimate-band',
  'critic-loss',
  'gen-loss',
  'critic-real',
  'critic-fake',
  'bad',
  'warn',
  'good',
] as const
export type Palette = Record<(typeof names)[number], string>

/** The colours of `app.css` as a canvas can take them; a custom property read directly would still say `light-dark(…)`. */
export function readPalette(): Palette {
  const probe = document.createElement('span')
  document.body.append(probe)
  const colours = names.map((name) => {
    probe.style.color = `var(--${name})`
    return [name, getComputedStyle(probe).color] as const
  })
  probe.remove()
  return Object.fromEntries(colours) as Palette
}

export const axisFont = '11px -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif'
