import { UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { homeOf } from './home.ts'

const NAME = '[A-Za-z_][A-Za-z0-9_]*'

/**
 * Notations of shells, systemd, Kubernetes and supervisord. Programs that do not know these notations, such
 * as pm2, pass them on unchanged.
 */
const FORMS = [`\\$(${NAME})`, `\\$\\{(${NAME})\\}`, `\\$\\((${NAME})\\)`, `%\\(ENV_(${NAME})\\)s`]
const VARIABLE = new RegExp(`^(?:${FORMS.join('|')})$`)

/** Other placeholders, such as `${KEY:-none}`, `${KEY` and `{{ key }}`. */
const UNKNOWN = /^(?:\$\{(?:.*\}|[^}]+)|\$\(.*\)|\{\{.*\}\}|%\(.*\)s)$/s

/** Start of a path that a shell would expand. */
const PATH_START = new RegExp(`^(?:(~)|\\$(${NAME})|\\$\\{(${NAME})\\})/(?=.)`)

/**
 * If the text is only a variable, returns the variable's value. Otherwise, returns the text without quotation
 * marks around it. Nothing is ever run: `$(id)` names the variable `id`.
 * @param source the text's origin in the user's words, for errors
 * @returns the value, and the name of the variable if the value was taken from a variable
 * @throws UserError if the variable is not set, or its value is a placeholder, too
 */
export function fillIn(
  given: string,
  source: string,
  env: NodeJS.ProcessEnv,
): { value: string; variable?: string } {
  const text = unquoted(given)
  const variable = VARIABLE.exec(text)?.slice(1).find(Boolean)
  if (variable !== undefined) return { value: variableValue(variable, text, source, env), variable }
  if (UNKNOWN.test(text))
    throw refused(source, `${text.slice(0, 2)}… is a placeholder that nothing has replaced with a value.`)
  return { value: text }
}

/**
 * Like `fillIn`, for settings that are not secret. A path may also begin with `~/`, `$NAME/` or `${NAME}/`.
 */
export function expand(given: string, source: string, env: NodeJS.ProcessEnv): string {
  const { value } = fillIn(given, source, env)
  const [start, home, ...names] = PATH_START.exec(value) ?? []
  if (start === undefined) return value
  const name = names.find(Boolean)
  const folder = home ? homeOf(env) : variableValue(name!, `$${name}`, source, env)
  return `${folder.replace(/\/$/, '')}/${value.slice(start.length)}`
}

/** Reports whether text looks like a variable or another placeholder. */
export const standsForValue = (text: string) => VARIABLE.test(text) || UNKNOWN.test(text)

function variableValue(name: string, text: string, source: string, env: NodeJS.ProcessEnv): string {
  const value = unquoted(env[name] ?? '')
  // Text with other characters may be a key, which must stay out of logs.
  const usual = /^[A-Z_][A-Z0-9_]*$/.test(name)
  const shown = usual ? text : `${text.slice(0, 2)}…`
  const variable = usual ? ` ${name}` : ' of this name'
  if (value === '')
    throw refused(
      source,
      `it reads ${shown}, not a value: the program that started this one did not replace the variable, and there is ${env[name] === undefined ? 'no variable' : 'nothing in the variable'}${variable}.`,
      usual ? name : 'it',
    )
  if (standsForValue(value))
    throw refused(
      source,
      `it reads ${shown}, and the variable${variable} is a placeholder itself (${value.slice(0, 2)}…), not a value.`,
      usual ? name : 'it',
    )
  return value
}

const refused = (source: string, problem: string, name?: string) =>
  new UserError('config_invalid', `${source}: ${problem}`, {
    remedy:
      name === undefined
        ? 'Put the value itself there.'
        : `Set ${name} in the environment of this program (env in pm2, Environment= in systemd), or put the value itself there.${name === 'it' ? ' Put a key that begins with $ into a file and name it with --key-file.' : ''}`,
    exitCode: EXIT.usage,
  })

/**
 * Removes quotation marks around text: programs that read variables or arguments from a file often keep these
 * marks.
 */
function unquoted(given: string): string {
  const text = given.trim()
  return /^(["']).*\1$/s.test(text) && text.length > 1 ? text.slice(1, -1).trim() : text
}
