import { stat } from 'node:fs/promises'
import { AppError } from '@kantor/contracts'

/** AppError `not-found` when there is nothing, `dataset-invalid` when it is no regular file. */
export async function existingFile(file: string): Promise<void> {
  const found = await stat(file).catch((cause: Error) => {
    throw new AppError('not-found', `there is no file ${JSON.stringify(file)}`, { cause })
  })
  if (!found.isFile()) throw new AppError('dataset-invalid', `${JSON.stringify(file)} is not a file`)
}
