import { UserError } from '../platform/errors.ts'
import { homeOf } from './home.ts'

const NAME = '[A-Za-z_][A-Za-z0-9_]*'

/**
 * Forms of a variable in shells, systemd, Kubernetes, supervisord and Windows. Where the program that starts this one
 * does not know the form, it passes the text on as it is: pm2 fills in none of them.
 */
const FORMS = [
  `\\$(${NAME})`,
  `\\$\\{(${NAME})\\}`,
  `\\$\\((${NAME})\\)`,
  `%\\(ENV_(${NAME})\\)s`,
  `%(${NAME})%`,
]
const VARIABLE = new RegExp(`^(?:${FORMS.join('|')})$`)

/** Further text that stands for a value and is none, as `${KEY:-none}` and `{{ key }}`. */
const UNKNOWN = /^(?:\$\{.*\}|\$\(.*\)|\{\{.*\}\}|%\(.*\)s)$/s

/** Start of a path that a shell would have expanded. */
const PATH_START = new RegExp(`^(?:(~)|\\$(${NAME})|\\$\\{(${NAME})\\})/(?=.)`)

/**
 * Fills in what a shell would have filled in, had one started this program: text that is a variable and nothing else,
 * and a path's first part. Any other text is returned as it is, without quotes that go around all of it.
 * @param source the text's origin in the user's words, for errors
 * @returns the value, and the variable that it was taken from, if any
 * @throws UserError where the variable is not set, or its value is a variable again
 */
export function filledIn(
  given: string,
  source: string,
  env: NodeJS.ProcessEnv,
): { value: string; variable?: string } {
  const text = unquoted(given)
  const variable = VARIABLE.exec(text)?.slice(1).find(Boolean)
  if (variable !== undefined) return { value: variableValue(variable, text, source, env), variable }
  if (UNKNOWN.test(text))
    throw refused(source, `${text.slice(0, 2)}… stands for a value, and nothing has filled it in.`)
  const [start, home, ...names] = PATH_START.exec(text) ?? []
  if (start === undefined) return { value: text }
  const name = names.find(Boolean)
  const folder = home ? homeOf(env) : variableValue(name!, `$${name}`, source, env)
  return { value: `${folder.replace(/\/$/, '')}/${text.slice(start.length)}` }
}

function variableValue(name: string, text: string, source: string, env: NodeJS.ProcessEnv): string {
  const value = unquoted(env[name] ?? '')
  if (value === '')
    throw refused(
      source,
      `it reads ${text}, which the program that started this one has not replaced by a value, and there is ${env[name] === undefined ? 'no variable' : 'nothing in the variable'} ${name}.`,
      name,
    )
  if (VARIABLE.test(value) || UNKNOWN.test(value))
    throw refused(
      source,
      `it reads ${text}, and the variable ${name} is itself ${value.slice(0, 2)}…, not a value.`,
      name,
    )
  return value
}

const refused = (source: string, problem: string, name?: string) =>
  new UserError('config_invalid', `${source}: ${problem}`, {
    remedy:
      name === undefined
        ? 'Put the value itself there.'
        : `Set ${name} in the environment of this program (env of pm2, Environment= of systemd), or put the value itself there.`,
    exitCode: 2,
  })

/** Files of variables, and lists of arguments, are read by programs that leave quotes where they are. */
function unquoted(given: string): string {
  const text = given.trim()
  return /^(["']).*\1$/s.test(text) && text.length > 1 ? text.slice(1, -1).trim() : text
}
