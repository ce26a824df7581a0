import { type CurveReply, type SeriesName, seriesCatalogue } from '@kantor/contracts'
import { useCallback, useMemo, useState } from 'react'
import type uPlot from 'uplot'
import { count, exactly, nothing, words } from '../format.js'
import { lineOptions } from './chart-options.js'
import { meanColumns, seriesOf } from './columns.js'
import { bucketName, type ChartProps } from './estimate-chart.js'
import type { Palette } from './palette.js'
import { Plot } from './plot.js'
import { type Reading, Readout } from './readout.js'

/** What the second chart can show, each with its colour of the palette. */
export const partColours = {
  critic_loss: 'critic-loss',
  gen_loss: 'gen-loss',
  critic_real: 'critic-real',
  critic_fake: 'critic-fake',
} as const satisfies Partial<Record<SeriesName, keyof Palette>>
export type PartName = keyof typeof partColours
export const partNames = Object.keys(partColours) as PartName[]

/** The losses and what they are made of, as bucket means. */
export function PartsChart({ curve, range, lastStep, onZoom, names }: ChartProps & { names: readonly PartName[] }) {
  const [hovered, setHovered] = useState<number | null>(null)
  const { x, columns } = useMemo(() => meanColumns(curve, names), [curve, names])
  const data = useMemo<uPlot.AlignedData>(() => [x, ...columns], [x, columns])
  const build = useCallback(
    (palette: Palette) =>
      lineOptions(
        palette,
        names.map((name) => partColours[name]),
      ),
    [names],
  )
  const step = x[hovered ?? x.length - 1]
  const first = names[0] && seriesOf(curve, names[0])
  const readings = names.map((name) => partReading(curve, name, step))

  return (
    <>
      <Readout
        readings={[
          {
            name: 'step',
            value:
              first === undefined || step === undefined ? nothing : bucketName(curve, first, first.x.indexOf(step)),
          },
          ...readings,
        ]}
      />
      <Plot
        build={build}
        data={data}
        range={range}
        lastStep={lastStep}
        height={170}
        label="Critic and generator losses by generator step"
        onHover={setHovered}
        onZoom={onZoom}
        onReset={() => onZoom(null)}
      />
    </>
  )
}

function partReading(curve: CurveReply, name: PartName, step: number | undefined): Reading {
  const series = seriesOf(curve, name)
  const index = step === undefined ? -1 : series.x.indexOf(step)
  const bad = series.bad[index] ?? 0
  const value = exactly(series.mean[index])
  return {
    name: words(name),
    value: bad > 0 ? `${value} (${count(bad)} not finite)` : value,
    colour: `var(--${partColours[name]})`,
    hint: seriesCatalogue[name],
  }
}
