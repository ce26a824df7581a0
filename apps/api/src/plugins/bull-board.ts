import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { AppError } from '@kantor/contracts'
import type {
  AppControllerRoute,
  AppViewRoute,
  BullBoardQueues,
  IServerAdapter,
  UIConfig,
} from '@bull-board/api/typings/app'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { readFolder, sendFile } from './static-files.js'

const base = '/queues'
const options = { config: { scope: 'admin' } } as const
const uiPackage = dirname(createRequire(import.meta.url).resolve('@bull-board/ui/package.json'))

/** bull-board sets styles by attribute and in the page itself. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; " +
  "connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"

/**
 * /queues/: BullMQ's queues by bull-board, to look at. Tickets are only hints, and whoever paused or emptied their queue would stop the
 * dispatch and lose nothing else; so the board changes nothing. Loaded when it is wanted.
 */
export async function serveBullBoard(app: FastifyInstance, queues: readonly object[]): Promise<void> {
  const { createBullBoard } = await import('@bull-board/api')
  const { BullMQAdapter } = await import('@bull-board/api/bullMQAdapter')
  type Queue = ConstructorParameters<typeof BullMQAdapter>[0]
  const board = new BoardParts()
  createBullBoard({
    queues: queues.map((queue) => new BullMQAdapter(queue as Queue, { readOnlyMode: true, allowRetries: false })),
    serverAdapter: board,
    options: { uiBasePath: uiPackage, uiConfig: { boardTitle: 'Kantor: tickets', hideDocsLink: true } },
  })

  const files = readFolder(board.staticPath)
  const page = renderPage(board)
  app.get(base, options, async (_request, reply) => reply.redirect(`${base}/`, 307))
  app.get(`${base}/static/*`, options, async (request, reply) => {
    const file = files.get((request.params as { '*': string })['*'])
    if (!file) throw new AppError('not-found', 'the board has no such file')
    return sendFile(file, { immutable: false }, request, reply)
  })
  for (const reading of board.reading()) {
    for (const path of [reading.route].flat()) {
      app.get(base + path, options, async (request: FastifyRequest, reply) => {
        const { status = 200, body } = await reading.handler({
          queues: board.queues,
          uiConfig: board.uiConfig,
          params: request.params as Record<string, string>,
          query: request.query as Record<string, string>,
          body: {},
          headers: {},
        })
        return reply.code(status).type('application/json; charset=utf-8').send(JSON.stringify(body))
      })
    }
  }
  app.get(`${base}/*`, options, async (_request, reply) =>
    reply.header('content-security-policy', policy).type('text/html; charset=utf-8').send(page),
  )
}

/** What bull-board tells the server that it runs in. */
class BoardParts implements IServerAdapter {
  queues: BullBoardQueues = new Map()
  viewsPath = ''
  staticPath = ''
  uiConfig: UIConfig = {}
  #routes: AppControllerRoute[] = []
  entry: AppViewRoute | undefined

  setQueues(queues: BullBoardQueues) {
    this.queues = queues
    return this
  }
  setViewsPath(path: string) {
    this.viewsPath = path
    return this
  }
  setStaticPath(_route: string, path: string) {
    this.staticPath = path
    return this
  }
  setEntryRoute(route: AppViewRoute) {
    this.entry = route
    return this
  }
  setErrorHandler() {
    return this
  }
  setApiRoutes(routes: AppControllerRoute[]) {
    this.#routes = routes
    return this
  }
  setUIConfig(config: UIConfig) {
    this.uiConfig = config
    return this
  }

  reading(): AppControllerRoute[] {
    return this.#routes.filter(({ method }) => [method].flat().includes('get'))
  }
}

/** The page is a template of plain insertions; its font from another host is left out. */
function renderPage(board: BoardParts): string {
  const { name, params } = board.entry!.handler({ basePath: base, uiConfig: board.uiConfig })
  const template = readFolder(board.viewsPath, (path) => path === name)
    .get(name)!
    .bytes.toString()
  return template
    .replaceAll(/<%[=-] (\w+) %>/g, (_, key: string) => params[key] ?? '')
    .replaceAll(/<link href="https:[^>]*>/g, '')
}
