import { dirname } from 'node:path'
import { until } from '../../support/wait.ts'
import { install } from './install.ts'
import { ours } from './ours.ts'
import { launch, type Peer, request, succeeds } from './peer.ts'

const version = '0.30.7'
const TOKEN = 'bench-token-bench-token-bench-token'

/**
 * hapi has a hub, and a runner that starts agents, which it calls sessions. A session is a wrapper with
 * Claude Code as its child. The server is ready when the hub is ready; its memory includes the runner.
 */
export const hapi: Peer = {
  name: 'hapi hub, hapi runner',
  version,
  startsClaude: true,
  install: () => install('@twsxtd/hapi', version, '.bin/hapi'),
  async start(stage, program) {
    const env = {
      CLI_API_TOKEN: TOKEN,
      HAPI_API_URL: stage.hubUrl,
      HAPI_LISTEN_HOST: '127.0.0.1',
      HAPI_LISTEN_PORT: String(stage.port),
      PATH: `${dirname(stage.env.FOMULAR_CLAUDE_PATH!)}:${stage.env.PATH}`,
    }
    const isReady = () => succeeds(`${stage.hubUrl}/health`)
    const readyMs = await launch(stage, { args: ['hub'], env, command: [program], isReady })
    const api = `${stage.hubUrl}/api`
    const { token } = await request(`${api}/auth`, { accessToken: TOKEN })
    const call = (path: string, body?: object) => request(api + path, body, token)
    const machine = await startRunner()

    /** Starts the runner. @returns the id of its machine */
    async function startRunner(): Promise<string> {
      const launched = Date.now()
      const runner = stage.run(['runner', 'start-sync'], env, [program])
      const findId = async () => {
        const { machines } = await call('/machines')
        const isNew = (one: { runnerState?: { startedAt: number } }) =>
          (one.runnerState?.startedAt ?? 0) > launched
        return machines.find(isNew)?.id
      }
      return until(findId, { what: 'the runner', seen: runner.log })
    }

    return {
      readyMs,
      async create() {
        const spec = { directory: stage.cwd, agent: 'claude', yolo: true }
        const answer = await call(`/machines/${machine}/spawn`, spec)
        if (!answer.sessionId) throw new Error(`the session did not start: ${answer.message}`)
        const isActive = async () => (await call(`/sessions/${answer.sessionId}`)).session.active
        await until(isActive, { what: 'the session' })
        return answer.sessionId
      },
      prompt: (session, text) => call(`/sessions/${session}/messages`, { text }),
      conversation: (session) => call(`/sessions/${session}/messages`),
    }
  },
  shell: ours.shell,
}
