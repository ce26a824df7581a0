export interface CriticShape {
  /** Pixels per side, 16 · 2^k. */
  imageSize: number
  channels: number
  /** The authors' ngf or ndf. */
  filters: number
  extraLayers: number
  /** Of a network that is conditional on them. */
  classes?: number | undefined
}

export interface GeneratorShape extends CriticShape {
  latentSize: number
}
