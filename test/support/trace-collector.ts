import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as z from 'zod/mini'
import type { Cleanup } from './temp.ts'

const TraceId = z.string().check(z.regex(/^(?!0+$)[\da-f]{32}$/))
const SpanId = z.string().check(z.regex(/^(?!0+$)[\da-f]{16}$/))
const Nanoseconds = z.string().check(z.regex(/^\d{1,20}$/))
/** Exactly one field has a value. 64-bit numbers are text. */
const Value = z.union([
  z.strictObject({ stringValue: z.string() }),
  z.strictObject({ boolValue: z.boolean() }),
  z.strictObject({ intValue: z.string().check(z.regex(/^-?\d{1,19}$/)) }),
  z.strictObject({ doubleValue: z.number() }),
])
const KeyValues = z.array(z.strictObject({ key: z.string().check(z.minLength(1)), value: Value }))

/** A request for traces, as OTLP 1.x describes it in JSON. It has no fields that the protocol does not know. */
const Request = z.strictObject({
  resourceSpans: z.array(
    z.strictObject({
      resource: z.strictObject({ attributes: KeyValues }),
      scopeSpans: z.array(
        z.strictObject({
          scope: z.strictObject({ name: z.string(), version: z.string() }),
          spans: z.array(
            z.strictObject({
              traceId: TraceId,
              spanId: SpanId,
              parentSpanId: z.optional(SpanId),
              name: z.string(),
              kind: z.int(),
              startTimeUnixNano: Nanoseconds,
              endTimeUnixNano: Nanoseconds,
              attributes: KeyValues,
              status: z.optional(z.strictObject({ code: z.int() })),
            }),
          ),
        }),
      ),
    }),
  ),
})

/** A span that a collector has received. */
export interface ReceivedSpan {
  traceId: string
  spanId: string
  parentSpanId?: string | undefined
  name: string
  /** Duration in ms. */
  ms: number
  attributes: Record<string, unknown>
  failed: boolean
}

/** A collector of traces on loopback, which refuses what OTLP does not permit. */
export class TraceCollector {
  readonly url: string
  readonly spans: ReceivedSpan[] = []
  readonly bodies: string[] = []
  readonly headers: IncomingHttpHeaders[] = []
  readonly resources: Record<string, unknown>[] = []
  readonly faults: unknown[] = []
  /** Status of the next answers. */
  status = 200

  private constructor(port: number) {
    this.url = `http://127.0.0.1:${port}`
  }

  static async open(t: Cleanup): Promise<TraceCollector> {
    const server = createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request.setEncoding('utf8')) body += chunk
      collector.#onRequest(request.url ?? '', request.headers, body)
      response.writeHead(collector.status, { 'content-type': 'application/json' }).end('{}')
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => {
      server.closeAllConnections()
      server.close()
    })
    const collector = new TraceCollector((server.address() as AddressInfo).port)
    return collector
  }

  /** Returns the received spans whose names begin with `name`. */
  named(name: string): ReceivedSpan[] {
    return this.spans.filter((span) => span.name.startsWith(name))
  }

  #onRequest(path: string, headers: IncomingHttpHeaders, body: string) {
    this.bodies.push(body)
    this.headers.push(headers)
    if (path !== '/v1/traces' || headers['content-type'] !== 'application/json') this.faults.push(path)
    const parsed = Request.safeParse(JSON.parse(body))
    if (!parsed.success) return this.faults.push(parsed.error.issues)
    if (this.status !== 200) return
    for (const { resource, scopeSpans } of parsed.data.resourceSpans) {
      this.resources.push(plain(resource.attributes))
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
        const { attributes, startTimeUnixNano, endTimeUnixNano, status, kind: _, ...rest } = span
        const ms = Number(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)) / 1e6
        this.spans.push({ ...rest, ms, attributes: plain(attributes), failed: status?.code === 2 })
      }
    }
  }
}

const plain = (attributes: z.infer<typeof KeyValues>) =>
  Object.fromEntries(
    attributes.map(({ key, value }) => {
      const [[kind, content] = []] = Object.entries(value)
      return [key, kind === 'intValue' ? Number(content) : content]
    }),
  )
