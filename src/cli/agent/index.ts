import { Command } from 'commander'
import { configureCommand } from './configure.ts'
import { diffCommand } from './diff.ts'
import { discardCommand } from './discard.ts'
import { explainCommand } from './explain.ts'
import { interruptCommand } from './interrupt.ts'
import { listCommand } from './list.ts'
import { logCommand } from './log.ts'
import { mergeCommand } from './merge.ts'
import { moveCommand } from './move.ts'
import { answerCommand, approveCommand, denyCommand } from './permission.ts'
import { removeCommand } from './remove.ts'
import { resumeCommand } from './resume.ts'
import { sendCommand } from './send.ts'
import { showCommand } from './show.ts'
import { startCommand } from './start.ts'
import { stopCommand } from './stop.ts'
import { watchCommand } from './watch.ts'
import { withdrawCommand } from './withdraw.ts'

const HELP = `
You can abbreviate an agent's id to any unique prefix. If several machines have an agent with the same id,
name the machine with --machine.

Examples:
  $ fomular-daemon agent start --cwd ~/project --prompt "Fix the tests" --wait
  $ fomular-daemon agent list
  $ fomular-daemon agent send a-1f2e "Now the docs"
  $ fomular-daemon agent watch a-1f2e
  $ fomular-daemon agent watch
      answer the requests of all agents, one after the other
  $ fomular-daemon agent approve a-1f2e`

export function agentCommand(): Command {
  const command = new Command('agent')
    .description('start, prompt, watch, and stop agents')
    .addHelpText('after', HELP)
  for (const each of [
    startCommand(),
    listCommand(),
    showCommand(),
    sendCommand(),
    watchCommand(),
    logCommand(),
    explainCommand(),
    diffCommand(),
    approveCommand(),
    denyCommand(),
    answerCommand(),
    interruptCommand(),
    withdrawCommand(),
    configureCommand(),
    stopCommand(),
    resumeCommand(),
    mergeCommand(),
    discardCommand(),
    moveCommand(),
    removeCommand(),
  ]) {
    command.addCommand(each)
    if (each.registeredArguments[0]?.name() === 'id')
      each.option(
        '--machine <machine>',
        'machine of the agent, if several machines have an agent with this id',
      )
  }
  return command
}
