import type { Command, CommanderError } from 'commander'
import { UserError } from '../platform/errors.ts'
import { EXIT } from './exit-codes.ts'

/** What is wrong with what was typed, and how it is typed. @param command the one that was to run */
export function usageError({ code, message: said }: CommanderError, command: Command): UserError {
  const [message = '', ...rest] = said.replace(/^error: /, '').split('\n')
  const suggestion = rest.join(' ').replace(/^\((.*)\)$/, '$1')
  const example = MISSING.includes(code) ? exampleOf(command) : undefined
  return new UserError('usage', code === MISSING_ARGUMENT ? missing(command, message) : message, {
    remedy:
      suggestion ||
      (example === undefined ? `See \`${pathOf(command)} --help\`.` : `For instance: ${example}`),
    exitCode: EXIT.usage,
  })
}

const MISSING_ARGUMENT = 'commander.missingArgument'
const MISSING = [MISSING_ARGUMENT, 'commander.missingMandatoryOptionValue', 'commander.optionMissingArgument']

function missing({ registeredArguments }: Command, message: string): string {
  const argument = registeredArguments.find((each) => each.required && message.includes(`'${each.name()}'`))
  return argument ? `<${argument.name()}> is missing: ${argument.description}.` : message
}

/** As it is typed: `fomular-daemon agent start`. */
export const pathOf = (command: Command): string =>
  command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name()

/** The first example of its help. */
function exampleOf(command: Command): string | undefined {
  let help = ''
  command.configureOutput({
    writeOut: (text) => {
      help += text
    },
  })
  command.outputHelp()
  return /^ {2}\$ (.*?)(?: {2,}.*)?$/m.exec(help)?.[1]
}
