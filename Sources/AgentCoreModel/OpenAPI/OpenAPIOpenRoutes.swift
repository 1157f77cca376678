/// The two routes that ask for no signature.
enum OpenAPIOpenRoutes {
    static let names = ["Health", "Readiness"]

    static let paths: [(String, JSONValue)] = [("/healthz", health), ("/readyz", readiness)]

    private static let health: JSONValue = [
        "operationId": "Health", "summary": "Tell whether the process answers.",
        "description": "For liveness checks: it says nothing about the database. HEAD works, too.", "tags": ["Server"], "security": [],
        "x-signalbox-changes": false, "x-signalbox-plane": "own",
        "responses": [
            "200": [
                "description": "The server answers.", "headers": .object(OpenAPI.commonHeaders),
                "content": ["text/plain": ["schema": ["type": "string"], "example": "ok\n"]],
            ]
        ],
    ]

    private static let readiness: JSONValue = [
        "operationId": "Readiness", "summary": "Tell whether the server can serve, part by part.",
        "description": "For load balancers: 503 while a part that it needs is away. HEAD works, too.", "tags": ["Server"], "security": [],
        "x-signalbox-changes": false, "x-signalbox-plane": "own",
        "responses": ["200": response("Every part is there.", "ready"), "503": response("A part is away.", "not ready")],
    ]

    private static func response(_ description: String, _ status: String) -> JSONValue {
        var headers = OpenAPI.commonHeaders
        if status != "ready" { headers["Retry-After"] = ["description": "Seconds to wait.", "schema": ["type": "integer", "minimum": 0]] }
        return [
            "description": .string(description), "headers": .object(headers),
            "content": [
                "application/json": [
                    "schema": [
                        "type": "object", "required": ["status", "parts"],
                        "properties": [
                            "status": ["type": "string", "enum": [.string(status)], "description": "All parts together."],
                            "parts": ["type": "object", "description": "Each part that the server needs, and whether it is there."],
                        ],
                    ],
                    "example": ["status": .string(status), "parts": ["database": .bool(status == "ready"), "supervisor": true]],
                ]
            ],
        ]
    }
}
