import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { buildProgram, root } from '../../packaging/program.ts'
import { buildEarlier } from './earlier.ts'

/** A change to a source file during bundling. */
export interface Edit {
  file: string
  from: RegExp
  to: string
}

const constant = (file: string, name: string, value: string): Edit => ({
  file,
  from: new RegExp(`(?<=^(?:export )?const ${name} = ).*$`, 'm'),
  to: value,
})
const limit = (name: string, value: string): Edit => ({
  file: 'src/protocol/limits.ts',
  from: new RegExp(`(?<=^ {2}${name}: ).*(?=,$)`, 'm'),
  to: value,
})

/**
 * Changes that shorten durations, for example half a minute to one second. Only durations and sizes change,
 * so that hundreds of faults fit into a few minutes, and small disks fill up. The mechanisms are the same as
 * in production.
 */
const HASTENED: Edit[] = [
  limit('heartbeat_ms', '400'),
  limit('silence_ms', '1000'),
  limit('window_bytes', '256 * 1024'),
  constant('src/link/socket.ts', 'GREETING_MS', '1500'),
  constant('src/link/attempts.ts', 'STABLE_MS', '1000'),
  {
    file: 'src/platform/backoff.ts',
    from: /base_ms = 500, cap_ms = 30_000/,
    to: 'base_ms = 50, cap_ms = 1_000',
  },
  constant('src/hub/machines/connection-rules.ts', 'GREETING_MS', '1500'),
  constant('src/hub/machines/activity-intake.ts', 'ASK_AGAIN_MS', '500'),
  constant('src/hub/store/files/journal-store.ts', 'RETRY_MS', '200'),
  constant('src/hub/store/files/commits/commit-log.ts', 'SEGMENT_BYTES', '64 * 1024'),
  constant('src/hub/store/files/commits/commit-log.ts', 'FORGET_MS', '300'),
  constant('src/hub/store/files/commits/commit-log.ts', 'RETRY_MS', '500'),
  constant('src/hub/store/postgres/connect.ts', 'CONNECT_MS', '1000'),
  constant('src/hub/store/postgres/connect.ts', 'STATEMENT_MS', '2000'),
  constant('src/hub/store/postgres/connect.ts', 'IDLE_MS', '1500'),
  constant('src/hub/store/postgres/database.ts', 'DEADLINE_MS', '3000'),
  constant('src/hub/store/postgres/appends.ts', 'RETRY_MS', '300'),
  constant('src/hub/store/postgres/late-writes.ts', 'SAVE_MS', '300'),
  constant('src/agents/process/end.ts', 'LAUNCH_GRACE_MS', '3000'),
  constant('src/daemon/upkeep.ts', 'CHECK_MS', '300'),
  constant('src/daemon/upkeep.ts', 'CLEAN_MS', '1000'),
  constant('src/daemon/server-offsets.ts', 'PATIENCE_MS', '1000'),
  constant('src/agents/disk/folder-deletion.ts', 'RETRY_MS', '500'),
  constant('src/daemon/health.ts', 'CHECK_MS', '300'),
  constant('src/daemon/machine-checks.ts', 'DISK_LOW_BYTES', '6 * MIB'),
  constant('src/daemon/machine-checks.ts', 'DISK_FULL_BYTES', '4 * MIB'),
  constant('src/daemon/confirm.ts', 'REPLY_MS', '10_000'),
  constant('src/agents/disk/journal-space.ts', 'LEAST_BYTES', '64 * 1024'),
  { file: 'src/daemon/agent-parts.ts', from: /config\.journal_cap_mb \* 1024 \* 1024/, to: '16 * 1024' },
]

/** Deliberately wrong builds, which the verdict must detect. */
export const SABOTAGES = {
  /** The hub acknowledges activity before the write, and delays the write. */
  'ack-before-write': [
    {
      file: 'src/hub/store/journal.ts',
      from: /return this\.#have\n/,
      to: 'return this.#received\n',
    },
    {
      file: 'src/hub/store/files/journal-store.ts',
      from: /(?<=this\.#dirty\.set\(key, machineId\)\n)/,
      to: "this.events.emit('committed', [key])\n",
    },
    constant('src/hub/store/files/journal-store.ts', 'GATHER_MS', '5000'),
  ],
  /** The daemon treats sent activity as acknowledged. */
  'cursor-before-ack': [
    { file: 'src/agents/agent.ts', from: /this\.sent = to\n/, to: 'this.sent = to\nthis.acked = to\n' },
  ],
  /** A repeated command is executed again. */
  'no-ledger': [
    {
      file: 'src/daemon/command-log.ts',
      from: /return this\.#entries\.get\(commandId\)\?\.result/,
      to: 'return undefined',
    },
    {
      file: 'src/agents/disk/inbox.ts',
      from: /(hasAccepted\(id: string\) \{\n\s*return )[^\n]+/,
      to: '$1false',
    },
    { file: 'src/agents/disk/inbox.ts', from: /if \(this\.#accepted\.has\(input\.id\)\) return\n/, to: '' },
  ],
  /** The hub accepts a command before it has written the command. */
  'command-before-write': [
    {
      file: 'src/hub/store/files/command-log.ts',
      from: /return (?=this\.#inTurn\(async \(\) => \{\n\s*for \(const owed)/,
      to: 'setTimeout(() => ',
    },
    {
      file: 'src/hub/store/files/command-log.ts',
      from: /(?<=await this\.#erase\(\)\n {4}\}\))(?=\n {2}\}\n\n {2}get isBloated)/,
      to: '.catch(() => {}), 1500)\nreturn Promise.resolve()',
    },
  ],
  /** A slow start is reported as failed, but continues. */
  'impatient-start': [
    {
      file: 'src/daemon/command-handlers.ts',
      from: /if \(!\(await agent\.until\(settled\)\)\) throw new AnsweredLater\(\)/,
      to: "if (!(await agent.until(settled, 1500))) throw new CommandFailure('start_failed', 'too slow')",
    },
  ],
  /** The daemon does not notice that its machine was rolled back. */
  'set-back-unseen': [
    {
      file: 'src/daemon/server-offsets.ts',
      from: /return offset > contact\.told \|\| differs \?.*$/m,
      to: 'return undefined',
    },
  ],
  /** The daemon does not delete the agent of a refused start. */
  'left-behind': [
    {
      file: 'src/agents/starts.ts',
      from: /await \(agent \? remove\(agent\) : discard\(dir\)\)/,
      to: 'void agent',
    },
  ],
  /** The daemon ends if it cannot watch files. */
  'no-watch-no-daemon': [
    {
      file: 'src/agents/disk/journal-watcher.ts',
      from: /this\.#tell\(error\)\n(?=\s*return false)/,
      to: 'setImmediate(() => { throw error })\n',
    },
  ],
} as const satisfies Record<string, Edit[]>
export type Sabotage = keyof typeof SABOTAGES

function edited(edits: Edit[]): Plugin {
  const byFile = new Map<string, Edit[]>()
  for (const edit of edits) byFile.set(edit.file, [...(byFile.get(edit.file) ?? []), edit])
  return {
    name: 'edited',
    setup(builder) {
      builder.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
        const file = path.slice(root.length)
        const own = byFile.get(file)
        if (!own) return undefined
        let contents = readFileSync(path, 'utf8')
        for (const { from, to } of own) {
          if (contents.match(from) === null)
            throw new Error(`test/chaos/program.ts: ${file} no longer matches ${from}`)
          contents = contents.replace(from, to)
        }
        return { contents, loader: 'ts' }
      })
    },
  }
}

/** Builds the sped-up program as one file, with a version and possibly a sabotage. */
export async function buildHastened(version: string, sabotage?: Sabotage): Promise<Uint8Array> {
  const edits = [...HASTENED, ...(sabotage ? SABOTAGES[sabotage] : [])]
  const define = { FOMULAR_VERSION: JSON.stringify(version) }
  return (await buildProgram({ executable: false }, { define, plugins: [edited(edits)] })).code
}

/** Bundles a program of this folder, so that it starts quickly. */
export async function bundle(name: string, path: string) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`./${name}.ts`, import.meta.url))],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    write: false,
  })
  writeFileSync(path, outputFiles[0]!.contents)
}

/**
 * Builds the programs of a run into `dir`: the current program with two different version numbers, and the
 * previous release.
 */
export async function buildAll(dir: string, sabotage?: Sabotage) {
  const versions = ['1.0.0', '1.0.1'].map(async (version) => {
    const path = join(dir, `${version}.js`)
    writeFileSync(path, await buildHastened(version, sabotage), { mode: 0o755 })
    return path
  })
  const agent = join(dir, 'agent.cjs')
  const edge = join(dir, 'edge.cjs')
  await Promise.all([bundle('agent-program', agent), bundle('edge', edge)])
  const earlierDir = join(dir, 'earlier')
  mkdirSync(earlierDir)
  return { versions: await Promise.all(versions), earlier: await buildEarlier(earlierDir), agent, edge }
}
