import { StreamEvent } from '@kantor/contracts'
import { EventSourceParserStream } from 'eventsource-parser/stream'

/** Events of a reply as they come, none for a 204. Leaving the loop ends the connection. Kinds of a later release are passed over. */
export async function* readEvents(
  response: Response,
  explain: (error: unknown) => unknown,
): AsyncGenerator<StreamEvent> {
  if (!response.body || response.status === 204) return
  const reader = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream())
    .getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const event = StreamEvent.safeParse({ id: value.id, event: value.event, data: JSON.parse(value.data) as unknown })
      if (event.success) yield event.data
    }
  } catch (error) {
    throw explain(error)
  } finally {
    await reader.cancel().catch(() => {})
  }
}
