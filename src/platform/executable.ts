declare const FOMULAR_EXECUTABLE: boolean | undefined

/** True if this program is an executable with Node inside, rather than a file that Node runs. */
export const EXECUTABLE: boolean = typeof FOMULAR_EXECUTABLE === 'boolean' && FOMULAR_EXECUTABLE
