import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Due, due, expand, type Item, type Message } from './messages-script.ts'

export { mock } from './messages-script.ts'

/** Maximum number of requests to keep. Each request contains a whole conversation. */
const REQUESTS_KEPT = 500
/** Size of each delta of a text that is sent without delays, in characters. */
const DELTA_CHARS = 4096

export interface MessagesRequest {
  method: string
  path: string
  headers: IncomingMessage['headers']
  /** Parsed JSON. */
  body: { model?: string; stream?: boolean; messages?: never[]; tools?: unknown[]; system?: unknown }
}

export interface MessagesApi {
  url: string
  /** Received requests. The newest is last. */
  requests: MessagesRequest[]
  close(): Promise<void>
}

/**
 * Starts a stand-in for the Messages API on loopback. The prompt determines its replies: see
 * messages-script.ts. It serves POST /v1/messages (streaming or not), POST /v1/messages/count_tokens, and
 * HEAD /, and answers other requests with 404.
 * @param next returns the next step of a conversation
 */
export async function startMessagesApi(next: (messages: Message[]) => Due = due): Promise<MessagesApi> {
  const requests: MessagesRequest[] = []
  const failures = new Map<string, number>()
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy())
  })

  async function answer(request: IncomingMessage, response: ServerResponse) {
    const path = (request.url ?? '').split('?')[0]!
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    const body = text === '' ? {} : JSON.parse(text)
    requests.push({ method: request.method ?? '', path, headers: request.headers, body })
    if (requests.length > REQUESTS_KEPT) requests.shift()

    if (request.method === 'HEAD') return void response.end()
    if (request.method === 'POST' && path === '/v1/messages/count_tokens')
      return sendJson(response, 200, { input_tokens: 10 })
    if (request.method === 'POST' && path === '/v1/messages')
      return reply({ response, gone: gone.signal, body, failures, due: next(body.messages) })
    sendJson(response, 404, failure('not_found_error', path))
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function sendJson(response: ServerResponse, status: number, body: unknown) {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

const failure = (type: string, message: string) => ({ type: 'error', error: { type, message } })

const ERROR_TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
  529: 'overloaded_error',
}

let messages = 0

interface Call {
  response: ServerResponse
  /** Fires when the client has disconnected. */
  gone: AbortSignal
  body: MessagesRequest['body']
  due: Due
  /** Number of failures of each step so far, by the step's key. */
  failures: Map<string, number>
}

async function reply({ response, gone, body, due, failures }: Call) {
  const { key, items } = due
  const content: Item[] = []
  let began = false
  for (const item of items) {
    if ('headers' in item)
      for (const [name, value] of Object.entries(item.headers)) response.setHeader(name, value)
    else if ('error' in item) {
      const failed = failures.get(key) ?? 0
      if (failed >= (item.times ?? Number.POSITIVE_INFINITY)) continue
      failures.set(key, failed + 1)
      return sendJson(response, item.error, failure(ERROR_TYPES[item.error] ?? 'api_error', 'as scripted'))
    } else if ('delay' in item && !began) await sleep(item.delay, undefined, { signal: gone })
    else {
      began = true
      content.push(item)
    }
  }
  const id = `msg_mock_${++messages}`
  const message = {
    id,
    type: 'message',
    role: 'assistant',
    model: body.model,
    stop_sequence: null,
    usage: {
      input_tokens: 11,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: 7,
    },
  }
  const stop_reason = content.some((item) => 'tool' in item) ? 'tool_use' : 'end_turn'
  if (body.stream) return streamReply(response, gone, message, stop_reason, content)
  const blocks = content.map((item, index) => blockOf(item, id, index)).filter((block) => block !== undefined)
  sendJson(response, 200, { ...message, content: blocks, stop_reason })
}

function blockOf(item: Item, id: string, index: number) {
  if ('text' in item) return { type: 'text' as const, text: item.text.repeat(item.repeat ?? 1) }
  if ('thinking' in item) {
    const thinking = item.thinking.repeat(item.repeat ?? 1)
    return { type: 'thinking' as const, thinking, signature: 'c2ln' }
  }
  if ('tool' in item)
    return {
      type: 'tool_use' as const,
      id: `toolu_${id.slice(4)}_${index}`,
      name: item.tool,
      input: expand(item.input),
    }
  return undefined
}

async function streamReply(
  response: ServerResponse,
  gone: AbortSignal,
  message: { id: string; usage: object },
  stop_reason: string,
  content: Item[],
) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  const send = async (type: string, data: object) => {
    gone.throwIfAborted()
    if (!response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`))
      await new Promise<void>((resolve) => {
        response.once('drain', resolve)
        response.once('close', resolve)
      })
  }
  await send('message_start', { message: { ...message, content: [], stop_reason: null } })
  let index = 0
  for (const item of content) {
    if ('delay' in item) await sleep(item.delay, undefined, { signal: gone })
    if ('hangup' in item) return void response.destroy()
    const block = blockOf(item, message.id, index)
    if (!block) continue
    const { empty, deltas } = parts(block, item)
    await send('content_block_start', { index, content_block: empty })
    for (const delta of deltas) {
      await send('content_block_delta', { index, delta })
      if ('every' in item && item.every) await sleep(item.every, undefined, { signal: gone })
    }
    await send('content_block_stop', { index })
    index++
  }
  await send('message_delta', { delta: { stop_reason, stop_sequence: null }, usage: message.usage })
  await send('message_stop', {})
  response.end()
}

/** Yields a block as the events of a stream: first an empty block, then its pieces. */
function parts(block: NonNullable<ReturnType<typeof blockOf>>, item: Item) {
  const slow = 'every' in item
  if (block.type === 'thinking')
    return {
      empty: { type: 'thinking', thinking: '', signature: '' },
      deltas: [
        ...pieces(block.thinking, slow ? item.repeat : undefined).map((thinking) => ({
          type: 'thinking_delta',
          thinking,
        })),
        { type: 'signature_delta', signature: block.signature },
      ],
    }
  if (block.type === 'text')
    return {
      empty: { type: 'text', text: '' },
      deltas: pieces(block.text, slow ? item.repeat : undefined).map((text) => ({
        type: 'text_delta',
        text,
      })),
    }
  return {
    empty: { ...block, input: {} },
    deltas: pieces(JSON.stringify(block.input)).map((partial_json) => ({
      type: 'input_json_delta',
      partial_json,
    })),
  }
}

function pieces(text: string, count = Math.max(2, Math.ceil(text.length / DELTA_CHARS))): string[] {
  const size = Math.max(1, Math.ceil(text.length / count))
  return Array.from({ length: Math.ceil(text.length / size) }, (_, i) => text.slice(i * size, (i + 1) * size))
}
