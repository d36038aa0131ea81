import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { due, type Item, type Message } from '../../support/messages-script.ts'
import type { Cleanup } from '../../support/temp.ts'

/** An item of a conversation, as in the Responses API. */
interface Input {
  type: 'message' | 'function_call' | 'function_call_output'
  role?: string
  content?: { type: string; text?: string }[]
}

/**
 * Starts a stand-in for OpenAI's Responses API on loopback, which Codex uses. The prompt determines its
 * replies: see messages-script.ts. Only texts and tools are supported.
 * @returns its address
 */
export async function startResponsesApi(t: Cleanup): Promise<string> {
  const server = createServer(async (request, response) => {
    if (request.method !== 'POST') return void response.writeHead(404).end()
    const { input } = (await json(request)) as { input: Input[] }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const send = (type: string, data: object) =>
      response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`)
    const id = `resp_${input.length}`
    send('response.created', { response: { id } })
    due(input.map(asMessage)).items.forEach((item, index) => {
      send('response.output_item.done', { item: outputOf(item, `${id}_${index}`) })
    })
    const usage = { input_tokens: 11, output_tokens: 7, total_tokens: 18 }
    send('response.completed', { response: { id, usage } })
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Returns the message of the Messages API that corresponds to an item. */
const asMessage = ({ type, role, content = [] }: Input): Message => ({
  role: role ?? (type === 'function_call' ? 'assistant' : 'user'),
  content,
})

function outputOf(item: Item, id: string) {
  if ('tool' in item)
    return { type: 'function_call', call_id: id, name: item.tool, arguments: JSON.stringify(item.input) }
  const text = 'text' in item ? item.text.repeat(item.repeat ?? 1) : ''
  return { type: 'message', role: 'assistant', id, content: [{ type: 'output_text', text }] }
}
