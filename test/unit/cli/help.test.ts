import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from 'commander'
import { program } from '../../../src/cli/program.ts'
import { fillHelp } from '../../../src/cli/render/help.ts'
import { pathOf } from '../../../src/cli/usage.ts'
import { commandLines, faultOf } from '../../support/commands-in-text.ts'

const WIDTHS = [80, 100]

const all = (command: Command): Command[] => [
  command,
  ...command.commands.filter((each) => each.name() !== 'help').flatMap(all),
]

const commands = all(await program(['--help']))

/** Returns the help for a terminal with `width` columns. */
function help(command: Command, width: number): string {
  let shown = ''
  command.configureOutput({
    getOutHelpWidth: () => width,
    writeOut: (text) => {
      shown += fillHelp(text, width)
    },
  })
  command.outputHelp()
  return shown
}

test('help fits the terminal', () => {
  for (const command of commands)
    for (const width of WIDTHS)
      for (const line of help(command, width).split('\n'))
        assert.ok(line.length <= width, `${pathOf(command)} at ${width}: ${line}`)
})

test('every command, option and argument has a description, and every command has an example', () => {
  for (const command of commands) {
    const path = pathOf(command)
    assert.notEqual(command.description(), '', path)
    for (const { flags, description, hidden } of command.options)
      if (!hidden) assert.notEqual(description, '', `${path} ${flags}`)
    for (const argument of command.registeredArguments)
      assert.notEqual(argument.description, '', `${path} ${argument.name()}`)
    // Another program or a variable may precede the command.
    assert.match(help(command, 100), new RegExp(`^ {2}\\$ .*${path}`, 'm'))
  }
})

test('every option that takes a number names its unit', () => {
  for (const command of commands)
    for (const { flags, description } of command.options)
      if (/<(seconds|days|MiB|count|dollars|time)>/.test(flags))
        assert.match(
          description,
          /second|day|MiB|dollar|most|last|number of|30m/,
          `${pathOf(command)} ${flags}`,
        )
})

test('every example in the help is a valid command line', async () => {
  let examples = 0
  for (const command of commands)
    for (const written of commandLines(help(command, 100))) {
      examples++
      assert.equal(await faultOf(written), undefined, pathOf(command))
    }
  assert.ok(examples > 60, `${examples} examples`)
})

test('the checker of command lines reports each line that the program would refuse', async () => {
  const fault = (line: string) => faultOf({ line, mentioned: false })
  assert.match((await fault('fomular-daemon agent strat')) ?? '', /unknown command/)
  assert.match((await fault('sudo fomular-daemon agent list --all')) ?? '', /unknown option/)
  assert.match((await fault('echo a | fomular-daemon agent send')) ?? '', /<id> is missing/)
  assert.match((await fault('fomular-daemon strat')) ?? '', /unknown command or argument strat/)
  assert.equal(await fault('fomular-daemon agent list --json | jq .agents'), undefined)
})
