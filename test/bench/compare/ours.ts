import { readFileSync } from 'node:fs'
import { PROGRAM, RUN } from '../../support/stage.ts'
import { launch, type Peer } from './peer.ts'

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))

/** This project's hub and daemon in one process. It is ready when the hub lists the machine as connected. */
export const ours: Peer = {
  name: 'fomular-daemon up',
  version,
  startsClaude: true,
  install: async () => PROGRAM,
  async start(stage) {
    const isConnected = async () => (await stage.machine())?.connected === true
    const isReady = () => isConnected().catch(() => false)
    return {
      readyMs: await launch(stage, { args: ['up'], command: RUN, isReady }),
      create: () => stage.start({ permission_mode: 'bypassPermissions' }),
      prompt: (agent, content) => stage.command(agent, 'prompt', { content }),
      conversation: (agent) => stage.events(agent),
    }
  },
  shell: (command) => ({ tool: 'Bash', input: { command, description: 'wait' } }),
}
