import { nodeAuthorities, systemAuthorities } from '../../platform/authorities.ts'
import { isCertificate } from '../../platform/trust.ts'
import type { Finding } from '../render/finding.ts'

const REMEDY =
  'Correct the file, or the variable that names it: SSL_CERT_FILE, SSL_CERT_DIR or NODE_EXTRA_CA_CERTS. Until then, only the other authorities are used.'

/**
 * Reports the certificate authorities that are used to verify servers.
 * @param env environment of the running daemon, or of a daemon that would be started here
 * @param caFile file with a further authority
 */
export function checkAuthorities(env: NodeJS.ProcessEnv, caFile: string | undefined): Finding[] {
  const { sources, certificates } = systemAuthorities(env)
  const warning = (message: string): Finding => ({
    check: 'authorities',
    level: 'warning',
    message,
    remedy: REMEDY,
  })
  const unused = sources.flatMap(({ path, problem }) =>
    problem === undefined ? [] : [warning(`Certificate authorities in ${path} cannot be used: ${problem}`)],
  )
  const damaged = certificates.filter((pem) => !isCertificate(pem)).length
  const used = sources.filter((source) => source.certificates > 0)
  const authorities = [
    { path: 'node', certificates: nodeAuthorities().length },
    ...used.map(({ path, certificates }) => ({ path, certificates })),
    ...(caFile === undefined ? [] : [{ path: caFile }]),
  ]
  const places = used.map((source) => `${source.certificates} in ${source.path}`)
  const named = [
    `those of Node ${process.versions.node}`,
    ...places,
    ...(caFile === undefined ? [] : [`those in ${caFile}`]),
  ]
  return [
    {
      check: 'authorities',
      level: 'ok',
      message: `Certificate authorities used to verify servers: ${named.join(', ')}`,
      authorities,
    },
    ...unused,
    ...(damaged > 0 ? [warning(`${damaged} of the system's certificate authorities cannot be read.`)] : []),
  ]
}
