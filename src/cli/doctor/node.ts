import { EXECUTABLE } from '../../platform/executable.ts'
import type { Finding } from '../render/finding.ts'

/** Oldest version of Node that runs this program. */
const NODE = { major: 18, minor: 19 }
/** Maximum time for npm to answer, in ms: npm is a Node program itself, and the machine may be busy. */
export const NPM_MS = 20_000

export function checkNode(): Finding {
  const { node } = process.versions
  const [major = 0, minor = 0] = node.split('.').map(Number)
  if (major > NODE.major || (major === NODE.major && minor >= NODE.minor))
    return { check: 'node', level: 'ok', message: `Node ${node}${EXECUTABLE ? ', built in' : ''}` }
  return {
    check: 'node',
    level: 'error',
    message: `Node ${node} is too old: at least ${NODE.major}.${NODE.minor} is needed.`,
    remedy: 'Install a current version from https://nodejs.org or with your package manager.',
  }
}

/** Checks npm. The daemon needs npm only for updates, and only if no registry is configured. */
export async function checkNpm(env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const { execa } = await import('execa')
  const { failed, stdout } = await execa('npm', ['--version'], {
    env,
    extendEnv: false,
    timeout: NPM_MS,
    reject: false,
  })
  return [
    failed
      ? {
          check: 'npm',
          level: EXECUTABLE ? 'ok' : 'warning',
          message: 'npm is unavailable: updates come directly from the configured registry.',
          remedy: 'Install npm, or set registry under [update] in the configuration file.',
        }
      : { check: 'npm', level: 'ok', message: `npm ${stdout.trim()}` },
  ]
}
