/** The service of buckets that datasets are imported from. */
export interface ImportService {
  /** What the variables begin with that say this. */
  variables: 'KANTOR_IMPORT_S3' | 'S3'
  endpoint: string
  region: string
  accessKeyId: string
  secretAccessKey: string
}

type Said = Partial<
  Record<`${ImportService['variables']}_${'ENDPOINT' | 'ACCESS_KEY_ID' | 'SECRET_ACCESS_KEY'}`, string>
>

/** Of its own where there is one, else that of the object store; undefined where there is neither. */
export function importServiceOf(
  said: Said & Record<`${ImportService['variables']}_REGION`, string>,
): ImportService | undefined {
  const variables = said.KANTOR_IMPORT_S3_ENDPOINT === undefined ? 'S3' : 'KANTOR_IMPORT_S3'
  const endpoint = said[`${variables}_ENDPOINT`]
  if (endpoint === undefined) return undefined
  return {
    variables,
    endpoint,
    region: said[`${variables}_REGION`],
    accessKeyId: said[`${variables}_ACCESS_KEY_ID`] ?? '',
    secretAccessKey: said[`${variables}_SECRET_ACCESS_KEY`] ?? '',
  }
}
