import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { claudeStage } from '../support/claude-stage.ts'
import { due, type Message, mock } from '../support/messages-script.ts'
import type { Cleanup } from '../support/temp.ts'
import { Terminal } from '../support/terminal.ts'
import { KEYS, PROJECT, replies } from './replies.ts'
import { steady } from './steady.ts'

/** Width of the terminal, in columns. A page on GitHub would shrink a wider picture. */
export const COLUMNS = 92
/** Path that the picture shows for the folder of the project. */
const SHOWN = '/home/me/greet'

/**
 * Runs the commands on a terminal, with a hub, a daemon, the real Claude Code, and a stand-in for the model.
 * @returns the screen after each command, with color sequences and without values that differ from run to
 * run: the command after `$ `, and its output
 */
export async function record(t: Cleanup, commands: string[]): Promise<string[]> {
  // The path is as long as the path in the picture, so that tables keep their widths.
  const dir = mkdtempSync('/tmp/fd-')
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(PROJECT)) writeFileSync(join(dir, name), text)
  const { stage } = await claudeStage(t, (messages) => due(scripted(messages, dir)))
  await stage.hub()
  await stage.daemon()
  const terminal = await Terminal.open(t, stage)
  await terminal.resize(COLUMNS, 60)
  await terminal.run(`cd ${dir} && alias fomular-daemon=fd`)
  const screens: string[] = []
  for (const command of commands) {
    // The agent may still be working on the prompt that was just sent.
    if (command.includes('agent list')) await stage.agentIs('greet', 'waiting')
    const output = await outputOf(terminal, command)
    screens.push(`$ ${command}\n${steady(output.replaceAll(dir, SHOWN))}`)
  }
  return screens
}

async function outputOf(terminal: Terminal, command: string): Promise<string> {
  await terminal.begin(command)
  const [, name = ''] = /^fomular-daemon (\w+ \w+)/.exec(command) ?? []
  for (const { shown, type, press } of KEYS[name] ?? []) {
    await terminal.shows(shown)
    if (type) await terminal.type(type)
    if (press) await terminal.press(press)
  }
  await terminal.over()
  const lines = (await terminal.screen(true)).split('\n')
  return lines.slice(1, -1).join('\n')
}

/**
 * Adds scripted replies for the mock model to the prompts. The tour shows the prompts without these replies.
 */
function scripted(messages: Message[], dir: string): Message[] {
  const add = (text: string) =>
    Object.entries(replies(dir)).reduce(
      (all, [prompt, steps]) => (all.includes(prompt) ? `${all} ${mock(...steps)}` : all),
      text,
    )
  return messages.map(({ role, content }) => ({
    role,
    content:
      typeof content === 'string'
        ? add(content)
        : content.map((block) => ({ ...block, ...(block.text && { text: add(block.text) }) })),
  }))
}
