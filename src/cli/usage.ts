import type { Command, CommanderError } from 'commander'
import { UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'

/**
 * Converts an error of commander. The remedy is an example of the right usage.
 * @param command the failed command
 */
export function usageError({ code, message: said }: CommanderError, command: Command): UserError {
  const [message = '', ...rest] = said.replace(/^error: /, '').split('\n')
  const suggestion = rest.join(' ').replace(/^\((.*)\)$/, '$1')
  const example = MISSING.includes(code) ? exampleOf(command) : undefined
  return new UserError('usage', code === MISSING_ARGUMENT ? missing(command, message) : message, {
    remedy:
      suggestion || (example === undefined ? `See \`${pathOf(command)} --help\`.` : `Example: ${example}`),
    exitCode: EXIT.usage,
  })
}

const MISSING_ARGUMENT = 'commander.missingArgument'
const MISSING = [MISSING_ARGUMENT, 'commander.missingMandatoryOptionValue', 'commander.optionMissingArgument']

function missing({ registeredArguments }: Command, message: string): string {
  const argument = registeredArguments.find((each) => each.required && message.includes(`'${each.name()}'`))
  return argument ? `<${argument.name()}> is missing: ${argument.description}.` : message
}

/** Returns the full name of a command, such as `fomular-daemon agent start`. */
export const pathOf = (command: Command): string =>
  command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name()

/** Returns the first example in a command's help. */
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
