import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { MINIMUM } from '../../src/agents/runtimes/claude/probe.ts'
import { claudePackage } from '../support/claude.ts'
import { withImports } from './needs.ts'

const support = fileURLToPath(new URL('../support/claude.ts', import.meta.url))

/** Reports whether a test file starts the real Claude Code. */
export const startsClaude = (file: string) => withImports(file).has(support)

/**
 * Returns the oldest supported version of Claude Code, or the newest version on npm.
 * @throws Error if npm does not answer
 */
export async function claudeVersion(which: 'oldest' | 'newest'): Promise<string> {
  if (which === 'oldest') return MINIMUM
  const { stdout, stderr, exitCode } = await execa('npm', ['view', claudePackage(), 'version'], {
    reject: false,
  })
  if (exitCode !== 0 || stdout === '')
    throw new Error(`npm did not report the newest Claude Code. Check the network.\n${stderr}`)
  return stdout.trim()
}
