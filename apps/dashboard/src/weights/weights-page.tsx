import { Button, FileButton, Skeleton } from '@mantine/core'
import type { Weights } from '@kantor/contracts'
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { api, weightsQuery } from '../api.js'
import { bytes, moment } from '../format.js'
import { Copyable } from '../frame/copyable.js'
import { Empty, Failure, Section } from '../frame/notices.js'
import { Refusal } from '../frame/refusal.js'
import { ConfirmButton } from '../job/confirm-button.js'
import records from '../job/records.module.css'
import { useMay } from '../task-queries.js'

/** Uploaded weights that jobs can start from. */
export function WeightsPage() {
  const weights = useInfiniteQuery(weightsQuery)
  const mayChange = useMay('submit')
  const items = weights.data?.pages.flatMap((page) => page.items) ?? []
  useEffect(() => {
    document.title = 'Weights · Kantor'
  }, [])
  return (
    <Section title="Weights" aside={mayChange && <Upload />}>
      {weights.isPending && <Skeleton h={48} m="md" aria-label="Loading weights" />}
      {weights.isError && !weights.data && <Failure error={weights.error} retry={() => void weights.refetch()} />}
      {weights.isSuccess && items.length === 0 && (
        <Empty title="No weights">
          A safetensors file under the authors’ names, after <code>netG.</code> and <code>netD.</code>; a job starts
          from it with <code>{'"startFrom": {"weights": id}'}</code>.
        </Empty>
      )}
      {items.length > 0 && (
        <div className={records['scroll']}>
          <table className={records['table']}>
            <thead>
              <tr>
                <th>Id</th>
                <th>Networks</th>
                <th>Size</th>
                <th>SHA-256</th>
                <th>Uploaded</th>
                <th>
                  <span className={records['hidden']}>Delete</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map((one) => (
                <WeightsRow key={one.id} weights={one} mayChange={mayChange} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {weights.hasNextPage && (
        <Button m="sm" loading={weights.isFetchingNextPage} onClick={() => void weights.fetchNextPage()}>
          Earlier weights
        </Button>
      )}
    </Section>
  )
}

function WeightsRow({ weights, mayChange }: { weights: Weights; mayChange: boolean }) {
  const { id, networks, sizeBytes, sha256, createdAt } = weights
  const queries = useQueryClient()
  const remove = useMutation({
    mutationFn: () => api().deleteWeights({ params: { id } }),
    onSuccess: () => queries.invalidateQueries({ queryKey: weightsQuery.queryKey }),
  })
  return (
    <tr>
      <td>
        <Copyable value={id} short={id.slice(-8)} name="id" />
      </td>
      <td>{networks.join(' and ')}</td>
      <td>{bytes(sizeBytes)}</td>
      <td>
        <Copyable value={sha256} short={sha256.slice(0, 12)} name="SHA-256" />
      </td>
      <td>{moment(createdAt)}</td>
      <td className={records['end']}>
        {mayChange && (
          <ConfirmButton
            danger
            label="Delete"
            title="Delete these weights?"
            text="No new job can start from them. This cannot be undone."
            ask={remove}
          />
        )}
      </td>
    </tr>
  )
}

function Upload() {
  const queries = useQueryClient()
  const upload = useMutation({
    mutationFn: (file: File) => api().uploadWeights({ upload: file }),
    onSuccess: () => queries.invalidateQueries({ queryKey: weightsQuery.queryKey }),
  })
  return (
    <>
      <Refusal error={upload.error} />
      <FileButton accept=".safetensors" onChange={(file) => file && upload.mutate(file)}>
        {(props) => (
          <Button {...props} size="compact-xs" loading={upload.isPending}>
            Upload
          </Button>
        )}
      </FileButton>
    </>
  )
}
