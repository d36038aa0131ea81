import { chmodSync, cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Stage } from './stage.ts'
import { type Cleanup, tempDir } from './temp.ts'

/**
 * Returns the path of a stand-in for Claude Code that needs only a tenth of the resources. Tests of load and
 * faults use it. fake-agent-program.ts lists its prompts.
 * @param node a Node that the agent's user can run
 */
export function fakeAgent(t: Cleanup, dir = tempDir(t), node = process.execPath): string {
  const path = join(dir, 'claude')
  const program = join(dir, 'fake-agent-program.ts')
  for (const name of ['fake-agent-program.ts', 'fake-agent'])
    cpSync(fileURLToPath(new URL(name, import.meta.url)), join(dir, name), { recursive: true })
  writeFileSync(path, `#!/bin/sh\nexec '${node}' '${program}' "$@"\n`)
  chmodSync(path, 0o755)
  return path
}

/** Makes a stage with this program in place of Claude Code. */
export const fakeStage = (t: Cleanup, env: Record<string, string> = {}): Promise<Stage> =>
  Stage.open(t, { FOMULAR_CLAUDE_PATH: fakeAgent(t), ...env })
