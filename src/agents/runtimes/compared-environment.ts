import { runtimeVariables } from './index.ts'

/**
 * Variables that determine which programs, logins and certificate authorities a process uses. None of them is
 * secret.
 */
const TELLING = [
  'HOME',
  'PATH',
  ...runtimeVariables.flatMap(({ folder, program, others }) => [folder, program, ...others]),
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
]
/** Reports whether a variable contains credentials. Only the names of such variables are reported. */
const isLogin = (name: string) => runtimeVariables.some(({ logins }) => logins.test(name))

export interface ComparedEnvironment {
  variables: Record<string, string>
  /** Names of variables that contain credentials for an agent program. */
  logins: string[]
}

/** Returns the parts of an environment that can be compared with another environment. */
export function comparedEnvironment(env: NodeJS.ProcessEnv): ComparedEnvironment {
  const variables = TELLING.flatMap((name) => (env[name] ? [[name, withoutSecrets(env[name])] as const] : []))
  return {
    variables: Object.fromEntries(variables),
    logins: Object.keys(env)
      .filter((name) => isLogin(name) && env[name])
      .sort(),
  }
}

/** Returns an address without its query and its login. The login ends at the last "@" before the path. */
const withoutSecrets = (text: string) =>
  text.replace(/\/\/[^/?#]*@/, '//').replace(/^(\w+:\/\/[^?#]*)[?#].*$/s, '$1')
