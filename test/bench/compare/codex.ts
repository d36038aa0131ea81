import { once } from 'node:events'
import { install } from './install.ts'
import { launch, type Peer, succeeds } from './peer.ts'

const version = '0.169.0'

/** Codex runs all agents, which it calls threads, in its server. A client connects with a WebSocket. */
export const codex: Peer = {
  name: 'codex app-server',
  version,
  startsClaude: false,
  install: () => install('@openai/codex', version, '.bin/codex'),
  async start(stage, program) {
    const url = `ws://127.0.0.1:${stage.port}`
    const settings = [
      'model="gpt-5"',
      'model_provider="local"',
      `model_providers.local={name="local",base_url="${stage.env.OPENAI_BASE_URL}",wire_api="responses"}`,
      'approval_policy="never"',
      'sandbox_mode="danger-full-access"',
    ].flatMap((setting) => ['-c', setting])
    const readyMs = await launch(stage, {
      args: ['app-server', '--listen', url, ...settings],
      command: [program],
      isReady: () => succeeds(`${stage.hubUrl}/readyz`),
    })
    const call = await connect(url)
    return {
      readyMs,
      create: async () => (await call('thread/start', { cwd: stage.cwd })).thread.id,
      prompt: (threadId, text) => call('turn/start', { threadId, input: [{ type: 'text', text }] }),
      conversation: (threadId) => call('thread/read', { threadId, includeTurns: true }),
    }
  },
  shell: (cmd) => ({ tool: 'exec_command', input: { cmd, yield_time_ms: 30_000 } }),
}

/** Returns a function that calls a method of the server, and returns the result. */
async function connect(url: string) {
  const socket = new WebSocket(url)
  const calls: ((answer: { error?: { message: string }; result?: unknown }) => void)[] = []
  socket.addEventListener('message', ({ data }) => {
    const answer = JSON.parse(data)
    // Notifications have no id.
    if (answer.id !== undefined) calls[answer.id]?.(answer)
  })
  await once(socket, 'open')
  // biome-ignore lint/suspicious/noExplicitAny: the answers have no types
  const call = async (method: string, params: object): Promise<any> => {
    const answered = new Promise<Parameters<(typeof calls)[0]>[0]>((resolve) => calls.push(resolve))
    socket.send(JSON.stringify({ id: calls.length - 1, method, params }))
    const { error, result } = await answered
    if (error) throw new Error(`${method}: ${error.message}`)
    return result
  }
  await call('initialize', { clientInfo: { name: 'bench', version: '1' } })
  socket.send(JSON.stringify({ method: 'initialized' }))
  return call
}
