export interface ReleaseFile {
  name: string
  /** Bytes. */
  size: number
  sha256: string
  os?: string
  arch?: string
  /** Version of the Node inside. */
  node?: string
  /** What took the symbols out of that Node. */
  stripped?: string
}

export interface Manifest {
  version: string
  /** Of the sources; `-modified` when they were not as committed. */
  commit: string
  files: ReleaseFile[]
}

/**
 * `manifest.json`. One file to a line, its name, size and hash first: installer/install.sh reads it with sed, as a bare
 * machine has nothing that reads JSON.
 */
export function manifestText({ version, commit, files }: Manifest): string {
  const head = JSON.stringify({ schema: 1, name: '@fomular-os/daemon', version, commit })
  const lines = files.map(({ name, size, sha256, ...rest }) =>
    JSON.stringify({ name, size, sha256, ...rest }),
  )
  return `${head.slice(0, -1)},"files":[\n${lines.join(',\n')}\n]}\n`
}
