import { install } from './install.ts'
import { launch, type Peer, request, succeeds } from './peer.ts'

const version = '1.18.33'
const model = 'anthropic/claude-sonnet-4-5'

/**
 * opencode runs all agents, which it calls sessions, in its server. The package's installation script only
 * copies the program for this platform, so the benchmark starts this program directly.
 */
export const opencode: Peer = {
  name: 'opencode serve',
  version,
  startsClaude: false,
  install: () =>
    install(
      'opencode-ai',
      version,
      `opencode-linux-${process.arch === 'arm64' ? 'arm64' : 'x64'}/bin/opencode`,
    ),
  async start(stage, program) {
    const options = { baseURL: `${stage.env.ANTHROPIC_BASE_URL}/v1`, apiKey: 'test' }
    const provider = { anthropic: { options } }
    const config = { model, small_model: model, permission: 'allow', autoupdate: false, provider }
    const readyMs = await launch(stage, {
      args: ['serve', '--hostname', '127.0.0.1', '--port', String(stage.port)],
      env: { OPENCODE_CONFIG_CONTENT: JSON.stringify(config), OPENCODE_DISABLE_MODELS_FETCH: '1' },
      command: [program],
      isReady: () => succeeds(`${stage.hubUrl}/global/health`),
    })
    const url = `${stage.hubUrl}/session`
    return {
      readyMs,
      create: async () => (await request(url, {})).id,
      prompt: (id, text) => request(`${url}/${id}/prompt_async`, { parts: [{ type: 'text', text }] }),
      conversation: (id) => request(`${url}/${id}/message`),
    }
  },
  shell: (command) => ({ tool: 'bash', input: { command, description: 'wait' } }),
}
