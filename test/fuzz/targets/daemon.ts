import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ControlClient } from '../../../src/cli/client/control-client.ts'
import { statePaths } from '../../../src/config/paths.ts'
import { parseFromServer } from '../../../src/protocol/index.ts'
import type { Random } from '../../chaos/random.ts'
import { Stage } from '../../support/stage.ts'
import type { Cleanup } from '../../support/temp.ts'
import { generated } from '../generate.ts'
import { spoilt } from '../mutate.ts'
import { mib, sizeOf, type Target } from '../target.ts'
import { DaemonLink } from './daemon-link.ts'
import { served } from './served.ts'

/**
 * Number of fuzzed frames between two valid frames. Without valid frames, the daemon would close the link
 * because of too many faults in a row.
 */
const WRONG = 8
/** Number of batches after which agents are removed and the daemon must reconnect. */
const TIDY = 50
const FRAMES = [
  ...['AgentStart', 'AgentStart', 'AgentPrompt', 'AgentInterrupt', 'AgentPermission', 'AgentAnswer'],
  ...[
    'AgentConfigure',
    'AgentStop',
    'AgentResume',
    'AgentRemove',
    'MachineCheck',
    'DaemonRestart',
    'DaemonUpdate',
  ],
  ...['Welcome', 'Refuse', 'Ack', 'Resend', 'ProtocolError', 'Ping', 'Pong'],
]

/** The stand-in for Claude Code. It answers the required requests, and ends on request. */
const PROGRAM = `#!/bin/sh
case $* in *--version*) echo '2.1.330 (Claude Code)'; exit ;; auth*) echo '{"loggedIn":true}'; exit ;; esac
while read -r line; do
  id=\${line#*'"request_id":"'}
  case $line in *'"request_id"'*) printf '{"type":"control_response","response":{"subtype":"success","request_id":"%s"}}\\n' "\${id%%'"'*}" ;; esac
  case $line in *end_session*) exit 0 ;; esac
done
`

const frame = (random: Random) => generated(random.pick(FRAMES), random)

/**
 * Reports whether a frame would make the daemon end its link or its process. Other tests cover such frames.
 */
function isObeyed(input: Buffer): boolean {
  const parsed = parseFromServer(input)
  if (!parsed.ok) return false
  const { message } = parsed
  return (
    ['daemon:restart', 'daemon:update', 'server:refuse'].includes(message.type) ||
    (message.type === 'server:welcome' && message.protocol.version !== 1)
  )
}

/** A daemon with its server. The agents run a stand-in for Claude Code. */
export async function daemon(t: Cleanup): Promise<Target> {
  const server = await DaemonLink.open(t)
  const stage = await Stage.open(t)
  const [claude, key] = [join(stage.dir, 'claude'), join(stage.dir, 'key')]
  writeFileSync(claude, PROGRAM, { mode: 0o755 })
  writeFileSync(key, 'the-key', { mode: 0o600 })
  const args = [
    'run',
    '--server-url',
    server.url,
    '--key-file',
    key,
    '--max-agents',
    '4',
    '--log-level',
    'fatal',
  ]
  const { alive, memory } = served(
    stage.run(args, { FOMULAR_CLAUDE_PATH: claude, FOMULAR_UPDATE_ENABLED: 'false' }),
  )
  await server.live()
  const control = new ControlClient(statePaths(stage.state).socket)
  let batches = 0
  return {
    batch: 100,
    memoryLimit: mib(1024),
    input: (random) => spoilt(frame, random),
    async feed(inputs) {
      for (const [n, input] of inputs.entries()) {
        if (n % WRONG === 1) await server.live()
        // A frame that is not UTF-8 closes the link before the daemon sees it.
        const frame = Buffer.from(input.toString('utf8'))
        if (!isObeyed(frame)) server.send(frame, { binary: n === WRONG })
      }
    },
    async check() {
      alive()
      await server.live()
      await control.status()
      if (++batches % TIDY === 0) {
        await server.tidy()
        server.drop()
      }
      alive()
    },
    memory,
    disk: () => sizeOf(stage.state),
  }
}
