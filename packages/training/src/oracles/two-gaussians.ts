/**
 * The setting of Fig. 2 of Arjovsky et al. 2017: real N(0, 1), fake N(m, 1). The paper does not print its means.
 * The optimal discriminator is D(x) = 1 / (1 + e^(m(x − m/2))).
 */
export const optimalDiscriminator = (m: number, x: number): number => 1 / (1 + Math.exp(m * (x - m / 2)))

/** What moves a sample at the fake mean, per unit of x. */
export interface GeneratorGradients {
  /** |∂ log(1 − D)|: the minimax loss. Vanishes as e^(−m²/2): the paper's point. */
  minimax: number
  /** |∂ log D|: the non-saturating loss, which does not vanish here and goes to m. */
  nonSaturating: number
  /** Slope of the optimal 1-Lipschitz critic: 1 everywhere between the two means. */
  critic: 1
}

export function generatorGradients(m: number): GeneratorGradients {
  const discriminator = optimalDiscriminator(m, m)
  return { minimax: m * discriminator, nonSaturating: m * (1 - discriminator), critic: 1 }
}
