public import Platform
import PostgresClient

extension ObjectStore {
    /// One page of a bucket in byte order of the keys (ListObjectsV2). Throws `InvalidArgument` for
    /// a token that is not ours.
    public func objectList(_ context: OperationContext, bucket: String, _ request: ObjectListRequest) async throws -> ObjectPage {
        guard (0...1000).contains(request.maximum) else {
            throw ObjectError(.invalidArgument, "max-keys must be a number from 0 to 1000.")
        }
        guard ![request.prefix, request.delimiter, request.startAfter].contains(where: { $0.utf8.contains(0) }) else {
            throw ObjectError(.invalidArgument, "The prefix, delimiter or start-after contains a NUL byte.")
        }
        let after =
            try request.continuationToken.map { text throws(ObjectError) in try ObjectListToken(text) }
            ?? .key(request.startAfter)
        return try await reporting(context) {
            let bucketID = try await bucketID(context, bucket, for: .read)
            guard request.maximum > 0 else { return ObjectPage() }
            let parameters: [PostgresValue] = [
                .int(bucketID), .text(request.prefix), .text(request.prefix + ObjectListToken.beyondEverything),
                .text(after.bound), .int(request.maximum + 1),
            ]
            let rows: [Row]
            if request.delimiter.isEmpty {
                rows = try await postgres.queryPinned(Self.plainPage, parameters, deadline: context.deadline).rows
            } else {
                rows = try await postgres.queryPinned(
                    Self.delimitedPage, parameters + [.text(request.delimiter), .text(ObjectListToken.beyondEverything)],
                    deadline: context.deadline
                ).rows
            }
            return try page(rows, maximum: request.maximum)
        }
    }

    private func page(_ rows: [Row], maximum: Int) throws -> ObjectPage {
        var page = ObjectPage()
        var last: ObjectListToken?
        for row in rows.prefix(maximum) {
            if let common = try row.textOrNil("common") {
                page.commonPrefixes.append(common)
                last = .commonPrefix(common)
            } else {
                let record = try ObjectRecord(row)
                page.objects.append(record)
                last = .key(record.key)
            }
        }
        if rows.count > maximum {
            page.nextToken = last?.text
            page.nextMarker = last?.bound
        }
        return page
    }

    private static let plainPage: Statement = """
        select null::text as common, o.key, o.etag, o.version_id, o.size, o.content_type, o.metadata, o.created_at,
            a.id, encode(a.sha256, 'hex') as sha256
        from bucket_object o
        join artifact a on a.id = o.artifact
        where o.bucket = $1 and o.key > $4 and o.key >= $2 and o.key < $3 and starts_with(o.key, $2)
        order by o.key limit $5
        """

    // One index look-up for each object or common prefix, however many keys lie under the prefix:
    // after a common prefix the search goes on behind everything that starts with it.
    private static let delimitedPage: Statement = """
        with recursive page (key, common, bound, number) as (
            select null::text collate "C", null::text collate "C", $4::text collate "C", 0::bigint
            union all
            select found.key, cut.common collate "C", coalesce(cut.common || $7::text, found.key) collate "C", page.number + 1
            from page
            cross join lateral (
                select o.key from bucket_object o
                where o.bucket = $1 and o.key > page.bound and o.key >= $2 and o.key < $3 and starts_with(o.key, $2)
                order by o.key limit 1
            ) as found
            cross join lateral (
                select case when strpos(substr(found.key, length($2::text) + 1), $6::text) > 0
                    then left(found.key, length($2::text) + strpos(substr(found.key, length($2::text) + 1), $6::text)
                        + length($6::text) - 1) end as common
            ) as cut
            where page.number < $5
        )
        select page.common, o.key, o.etag, o.version_id, o.size, o.content_type, o.metadata, o.created_at,
            a.id, encode(a.sha256, 'hex') as sha256
        from page
        join bucket_object o on o.bucket = $1 and o.key = page.key
        join artifact a on a.id = o.artifact
        order by page.number
        """
}
