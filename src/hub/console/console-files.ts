/** A file of the console. */
export interface ConsoleFile {
  /** Content type. */
  type: string
  /** The file compressed with gzip, in base64. */
  gzip: string
  hash: string
}

/**
 * Returns the files of the console by their paths; undefined if the source runs directly, because only a build
 * contains the console.
 */
export async function consoleFiles(): Promise<Record<string, ConsoleFile> | undefined> {
  try {
    return (await import('console:files')).files
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_UNSUPPORTED_ESM_URL_SCHEME') return undefined
    throw error
  }
}
