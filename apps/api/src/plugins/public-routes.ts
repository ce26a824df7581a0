import type { FastifyInstance } from 'fastify'

/** Routes that are registered in this scope from now on, by whatever plugin, answer anyone. For files of the program, never for data. */
export function asPublic(scope: FastifyInstance): void {
  scope.addHook('onRoute', (route) => {
    route.config = { ...route.config, scope: 'public' }
  })
}
