import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { MINIMUM } from '../../src/agents/runtimes/claude/probe.ts'
import { claudePackage } from '../support/claude.ts'
import { withImports } from './needs.ts'

const support = fileURLToPath(new URL('../support/claude.ts', import.meta.url))

/** Whether a file of tests starts the real Claude Code. */
export const startsClaude = (file: string) => withImports(file).has(support)

/**
 * The oldest Claude Code that the program accepts, or the newest one that npm has.
 * @throws Error if npm cannot be asked
 */
export async function claudeVersion(which: 'oldest' | 'newest'): Promise<string> {
  if (which === 'oldest') return MINIMUM
  const { stdout, stderr, exitCode } = await execa('npm', ['view', claudePackage(), 'version'], {
    reject: false,
  })
  if (exitCode !== 0 || stdout === '')
    throw new Error(`npm did not say which Claude Code is the newest. Check the network.\n${stderr}`)
  return stdout.trim()
}
