import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { claudeStage } from './claude-stage.ts'
import { mock } from './messages-script.ts'
import { Terminal } from './terminal.ts'

/** Tool input with which Claude Code asks a question. */
export const QUESTION = {
  questions: [
    {
      question: 'Which licence?',
      header: 'Licence',
      multiSelect: false,
      options: [
        { label: 'MIT', description: 'short' },
        { label: 'Apache-2.0', description: 'long' },
      ],
    },
  ],
}

/**
 * Opens a hub and a daemon in one terminal, and a second terminal for commands. Tests type commands on these
 * real terminals, as a person would.
 */
export async function desk(t: TestContext) {
  const { stage, api } = await claudeStage(t)
  const server = await Terminal.open(t, stage)
  await server.begin('fd up')
  const welcome = await server.shows(/Ctrl-C stops everything/)
  const terminal = await Terminal.open(t, stage)
  /** Writes a prompt to a file, because the model's script is too long to type. */
  const prompt = (name: string, ...script: Parameters<typeof mock>) => {
    writeFileSync(join(stage.cwd, name), `${name} ${mock(...script)}`)
    return `--prompt-file ${name}`
  }
  return { stage, api, server, terminal, welcome, prompt }
}
